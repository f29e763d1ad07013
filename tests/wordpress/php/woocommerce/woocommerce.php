<?php
/**
 * Plugin Name: WooCommerce stand-in
 * Description: The few functions of WooCommerce that the plugin uses, for tests; written from its public documentation.
 * Version: 1
 */

require_once __DIR__ . '/products.php';
require_once __DIR__ . '/orders.php';
require_once __DIR__ . '/webhooks.php';

final class WooCommerce {

	public $version = '10.0.0';
	public $cart;
	public $session;
}

/**
 * The session of a visitor, for the length of a request.
 */
final class WC_Session_Handler {

	public $has_cookie = false;
	private $values    = array();

	public function has_session() {
		return $this->has_cookie;
	}

	public function set_customer_session_cookie( $set ) {
		$this->has_cookie = $set;
	}

	public function get( $key, $default = null ) {
		return $this->values[ $key ] ?? $default;
	}

	public function set( $key, $value ) {
		$this->values[ $key ] = $value;
	}
}

function WC() {
	static $shop;
	return $shop ? $shop : $shop = new WooCommerce();
}

function wc_rand_hash() {
	return bin2hex( random_bytes( 20 ) );
}

function wc_api_hash( $text ) {
	return hash_hmac( 'sha256', $text, 'wc-api' );
}

/**
 * Creates the tables, once.
 */
function wc_stand_in_install() {
	global $wpdb;
	$wpdb->query( "CREATE TABLE IF NOT EXISTS {$wpdb->prefix}wc_webhooks (webhook_id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, status VARCHAR(200), name TEXT, user_id BIGINT, delivery_url TEXT, secret TEXT, topic VARCHAR(200), api_version SMALLINT, pending_delivery TINYINT)" );
	$wpdb->query( "CREATE TABLE IF NOT EXISTS {$wpdb->prefix}woocommerce_api_keys (key_id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, user_id BIGINT, description VARCHAR(200), permissions VARCHAR(10), consumer_key CHAR(64), consumer_secret CHAR(43), truncated_key CHAR(7))" );
}

add_action(
	'plugins_loaded',
	static function () {
		do_action( 'before_woocommerce_init' );
		do_action( 'woocommerce_loaded' );
	},
	-1
);

add_action(
	'init',
	static function () {
		register_post_type(
			'product',
			array(
				'public'       => true,
				'map_meta_cap' => true,
				'capabilities' => array( 'edit_post' => 'edit_product' ),
			)
		);
		register_post_type( 'product_variation', array( 'public' => false ) );
		register_post_type( 'shop_order', array( 'public' => false ) );
	}
);
