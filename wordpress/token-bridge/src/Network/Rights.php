<?php
/**
 * Who may connect a site of a network.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Network;

use TokenBridge\Connection\Connection;
use WP_Error;

defined( 'ABSPATH' ) || exit;

/**
 * Keeps the connection of a subsite in the hands of the network's admins where they want that.
 */
final class Rights {

	/**
	 * Returns why the current site may not be connected or disconnected on its own pages; null if it may.
	 */
	public static function refusal( Connection $connection ): ?WP_Error {
		if ( ! is_multisite() ) {
			return null;
		}
		if ( $connection->is_of_network() ) {
			return new WP_Error( 'token_bridge_of_network', __( 'This site uses tokens of the network. An admin of the network changes that under Token Bridge in the network admin.', 'token-bridge' ) );
		}
		if ( is_main_site() || current_user_can( NetworkScreen::CAPABILITY ) || ( new NetworkOption() )->may_connect() ) {
			return null;
		}
		return new WP_Error( 'token_bridge_of_network', __( 'Admins of the network connect the sites of this network.', 'token-bridge' ) );
	}
}
