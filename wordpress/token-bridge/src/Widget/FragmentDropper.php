<?php
/**
 * Keeps the widget up to date.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

use TokenBridge\Connection\Connection;
use TokenBridge\Feature;

defined( 'ABSPATH' ) || exit;

/**
 * Drops a user's fragments when an order or a spend of theirs passes.
 */
final class FragmentDropper implements Feature {

	/** @var FragmentCache */
	private $cache;

	/** @var Connection */
	private $connection;

	public function __construct( FragmentCache $cache, Connection $connection ) {
		$this->cache      = $cache;
		$this->connection = $connection;
	}

	public function register(): void {
		add_action( 'token_bridge_balance_changed', [ $this, 'drop' ] );
		add_action( 'woocommerce_order_status_changed', [ $this, 'drop_of_order' ] );
		add_action( 'woocommerce_order_refunded', [ $this, 'drop_of_order' ] );
		add_action( 'set_user_role', [ $this, 'drop' ] );
		add_action( 'deleted_user', [ $this, 'delete' ] );
	}

	/**
	 * @param int|string $user_id The user.
	 */
	public function drop( $user_id ): void {
		$this->cache->drop( $this->connection->is_linked_site() ? $this->connection->site_account() : (string) $user_id );
	}

	/**
	 * @param int|string $order_id The order.
	 */
	public function drop_of_order( $order_id ): void {
		$order = wc_get_order( $order_id );
		if ( $order && $order->get_customer_id() > 0 ) {
			$this->drop( $order->get_customer_id() );
		}
	}

	/**
	 * @param int|string $user_id The user.
	 */
	public function delete( $user_id ): void {
		$this->cache->delete( (string) $user_id );
	}
}
