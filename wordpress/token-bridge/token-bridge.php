<?php
/**
 * Plugin Name: Token Bridge
 * Description: Sells AI tokens with WooCommerce, shows each user their tokens, and charges every AI feature of the site exactly.
 * Version: 0.1.0
 * Requires at least: 6.1
 * Requires PHP: 7.4
 * WC requires at least: 8.0
 * WC tested up to: 10.9
 * Author: Token Bridge contributors
 * License: GPL-2.0-or-later
 * License URI: https://www.gnu.org/licenses/gpl-2.0.html
 * Text Domain: token-bridge
 * Domain Path: /languages
 *
 * @package TokenBridge
 */

defined( 'ABSPATH' ) || exit;

define( 'TOKEN_BRIDGE_VERSION', '0.1.0' );
define( 'TOKEN_BRIDGE_FILE', __FILE__ );

require_once __DIR__ . '/src/Autoloader.php';

TokenBridge\Autoloader::register( __DIR__ . '/src' );

require_once __DIR__ . '/src/functions.php';

register_activation_hook( __FILE__, [ TokenBridge\Activation::class, 'activate' ] );
register_deactivation_hook( __FILE__, [ TokenBridge\Activation::class, 'deactivate' ] );
TokenBridge\Plugin::instance()->start();
