<?php
/**
 * Runs code that the tests send, inside the site; the first run installs the site.
 *
 * Receives a JSON document with the code and the values of its variables.
 */

$sent = json_decode( (string) file_get_contents( 'php://input' ), true );

$_SERVER['REQUEST_URI']    = $sent['at'];
$_SERVER['REQUEST_METHOD'] = 'GET';
$_COOKIE                   = array();

if ( isset( $sent['values']['install'] ) ) {
	define( 'WP_INSTALLING', true );
}
if ( ! empty( $sent['values']['is_admin'] ) ) {
	define( 'WP_ADMIN', true );
}
require $_SERVER['DOCUMENT_ROOT'] . '/wp-load.php';

if ( isset( $sent['values']['install'] ) ) {
	require_once ABSPATH . 'wp-admin/includes/upgrade.php';
	$install = $sent['values']['install'];
	wp_install( 'Shop & Sons', $install['admin'], 'owner@example.test', true, '', $install['password'], 'en_US' );
	update_option( 'siteurl', getenv( 'TESTS_SITE_URL' ) );
	update_option( 'home', getenv( 'TESTS_SITE_URL' ) );
	update_option( 'template', 'plain' );
	update_option( 'stylesheet', 'plain' );
	update_option( 'timezone_string', 'Europe/Paris' );
	update_option( 'permalink_structure', '/%postname%/' );
	update_option( 'active_plugins', array( 'woocommerce/woocommerce.php' ) );
	require_once WP_PLUGIN_DIR . '/woocommerce/woocommerce.php';
	wc_stand_in_install();
}
if ( isset( $sent['values']['install'] ) && getenv( 'TESTS_NETWORK' ) ) {
	foreach ( $wpdb->tables( 'ms_global' ) as $table => $name ) {
		$wpdb->$table = $name;
	}
	install_network();
	populate_network( 1, $_SERVER['HTTP_HOST'], 'owner@example.test', 'Network', '/', false );
}

/**
 * Runs the code with the values as its variables.
 */
function token_bridge_tests_run( $code, array $values ) {
	extract( $values );
	return eval( $code );
}

$result = token_bridge_tests_run( $sent['code'], $sent['values'] );
echo "\x1eresult " . wp_json_encode( is_wp_error( $result ) ? array( 'error' => $result->get_error_code(), 'message' => $result->get_error_message() ) : $result );
