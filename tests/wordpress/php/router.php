<?php
/**
 * Answers requests of PHP's own web server: files as they are, everything else by WordPress.
 */

if ( '/run-code-of-the-tests' === $_SERVER['REQUEST_URI'] ) {
	require __DIR__ . '/run.php';
	exit;
}

$path = (string) parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH );
$file = $_SERVER['DOCUMENT_ROOT'] . $path;

if ( '/' !== $path && is_file( $file ) ) {
	return false;
}
if ( is_dir( $file ) && is_file( $file . '/index.php' ) && '/' !== $path ) {
	return false;
}
$_SERVER['SCRIPT_NAME'] = '/index.php';
$_SERVER['PHP_SELF']    = '/index.php';
require $_SERVER['DOCUMENT_ROOT'] . '/index.php';
