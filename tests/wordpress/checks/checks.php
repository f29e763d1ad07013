<?php
/**
 * Checks PHP sources without running them. Reads {path: source} as JSON, writes {"faults": [...], "lengths": [...]}.
 *
 * Rules: every output is escaped; HTML is put together from escaped parts; every handler checks nonce and capability;
 * every REST route has a permission callback; no syntax newer than PHP 7.4.
 */

require __DIR__ . '/Source.php';
require __DIR__ . '/Output.php';
require __DIR__ . '/Handlers.php';
require __DIR__ . '/Syntax.php';

$faults  = array();
$lengths = array();
foreach ( (array) json_decode( (string) stream_get_contents( STDIN ), true ) as $path => $text ) {
	try {
		$source = new Source( $path, $text );
	} catch ( ParseError $error ) {
		$faults[] = $path . ':' . $error->getLine() . ' ' . $error->getMessage();
		continue;
	}
	foreach ( array( new Output( $source ), new Handlers( $source ), new Syntax( $source ) ) as $check ) {
		$faults = array_merge( $faults, $check->faults() );
	}
	foreach ( $source->functions() as $function ) {
		$lengths[] = $function['lines'];
	}
}
echo json_encode(
	array(
		'faults'  => $faults,
		'lengths' => $lengths,
	)
);
