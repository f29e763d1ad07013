<?php
/**
 * Maps as lines of text.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

defined( 'ABSPATH' ) || exit;

/**
 * Reads and writes lines such as "image_generation = 1500".
 */
final class Lines {

	private const MAX = 200;

	/**
	 * @return array<string, string> Values by name; lines without both are left out.
	 */
	public static function read( string $text ): array {
		$found = [];
		foreach ( array_slice( preg_split( '/\R/', $text ), 0, self::MAX ) as $line ) {
			$parts = array_map( 'trim', explode( '=', $line, 2 ) );
			if ( 2 === count( $parts ) && '' !== $parts[0] && '' !== $parts[1] ) {
				$found[ $parts[0] ] = $parts[1];
			}
		}
		return $found;
	}

	/**
	 * @param array<string, string> $map Values by name.
	 */
	public static function write( array $map ): string {
		$lines = [];
		foreach ( $map as $name => $value ) {
			$lines[] = "{$name} = {$value}";
		}
		return implode( "\n", $lines );
	}
}
