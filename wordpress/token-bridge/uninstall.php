<?php
/**
 * Removes everything the plugin stored.
 *
 * @package TokenBridge
 */

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

define( 'TOKEN_BRIDGE_VERSION', 'uninstall' );
define( 'TOKEN_BRIDGE_FILE', __DIR__ . '/token-bridge.php' );

require_once __DIR__ . '/src/Autoloader.php';

TokenBridge\Autoloader::register( __DIR__ . '/src' );
( new TokenBridge\Uninstaller() )->run();
