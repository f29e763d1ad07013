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

// Files of WordPress below a site of the network: "/two/wp-admin/admin.php".
if ( getenv( 'TESTS_NETWORK' ) && preg_match( '~^/[a-z]+(/wp-(?:admin|content|includes)/.*|/wp-[a-z-]+\.php)$~', $path, $found ) && ! is_dir( $file ) ) {
	$script = $found[1] . ( '/' === substr( $found[1], -1 ) ? 'index.php' : '' );
	if ( '.css' === substr( $script, -4 ) ) {
		header( 'Content-Type: text/css' );
	}
	$_SERVER['SCRIPT_NAME'] = $script;
	$_SERVER['PHP_SELF']    = $script;
	chdir( dirname( $_SERVER['DOCUMENT_ROOT'] . $script ) );
	require $_SERVER['DOCUMENT_ROOT'] . $script;
	exit;
}

if ( '/' !== $path && is_file( $file ) ) {
	return false;
}
if ( is_dir( $file ) && is_file( $file . '/index.php' ) && '/' !== $path ) {
	return false;
}
$_SERVER['SCRIPT_NAME'] = '/index.php';
$_SERVER['PHP_SELF']    = '/index.php';
require $_SERVER['DOCUMENT_ROOT'] . '/index.php';
