<?php
/**
 * Loads the plugin's classes.
 *
 * @package TokenBridge
 */

namespace TokenBridge;

defined( 'ABSPATH' ) || exit;

/**
 * Finds `TokenBridge\Widget\Block` in `src/Widget/Block.php`.
 */
final class Autoloader {

	private const PREFIX = __NAMESPACE__ . '\\';

	/**
	 * Loads classes of this plugin from a folder when they are first used.
	 */
	public static function register( string $folder ): void {
		spl_autoload_register(
			static function ( string $name ) use ( $folder ): void {
				self::load( $folder, $name );
			}
		);
	}

	private static function load( string $folder, string $name ): void {
		if ( 0 !== strpos( $name, self::PREFIX ) ) {
			return;
		}
		$file = $folder . '/' . str_replace( '\\', '/', substr( $name, strlen( self::PREFIX ) ) ) . '.php';
		if ( is_file( $file ) ) {
			require_once $file;
		}
	}
}
