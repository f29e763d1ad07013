<?php
/**
 * Stores the connection.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Connection;

defined( 'ABSPATH' ) || exit;

/**
 * The connection in an option that WordPress loads with all others, so reading it makes no query.
 */
final class ConnectionOption {

	public const NAME = 'token_bridge_connection';

	public function load(): Connection {
		$stored = get_option( self::NAME, [] );
		return new Connection( is_array( $stored ) ? $stored : [] );
	}

	public function save( Connection $connection ): void {
		update_option( self::NAME, $connection->values(), true );
	}

	/**
	 * Forgets the connection. The option stays, because reading an absent one makes a query in every page.
	 */
	public function clear(): void {
		update_option( self::NAME, [], true );
	}
}
