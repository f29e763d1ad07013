<?php
/**
 * Notices changes of orders and products.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Orders;

use TokenBridge\Connection\Connection;
use TokenBridge\Connection\Deliveries;
use TokenBridge\Feature;
use TokenBridge\Outbox\Outbox;
use TokenBridge\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Puts each changed order and product into the outbox: what WooCommerce's webhooks report, and what they leave out.
 */
final class ChangeWatcher implements Feature {

	/** Hooks with the ID first, and what they mean. */
	private const HOOKS = [
		'woocommerce_new_order'                => 'order.updated',
		'woocommerce_update_order'             => 'order.updated',
		'woocommerce_order_refunded'           => 'order.updated',
		'woocommerce_trash_order'              => 'order.deleted',
		'woocommerce_before_delete_order'      => 'order.deleted',
		'woocommerce_untrash_order'            => 'order.restored',
		'woocommerce_new_product'              => 'product.updated',
		'woocommerce_update_product'           => 'product.updated',
		'woocommerce_new_product_variation'    => 'product.updated',
		'woocommerce_update_product_variation' => 'product.updated',
	];

	/** Changes of posts, for orders in posts and for products. */
	private const POST_HOOKS = [
		'wp_trash_post'      => 'deleted',
		'before_delete_post' => 'deleted',
		'untrashed_post'     => 'restored',
	];

	private const POST_TYPES = [
		'shop_order'        => 'order',
		'product'           => 'product',
		'product_variation' => 'product',
	];

	/** Orders in these states are no orders yet. */
	private const DRAFTS = [ 'auto-draft', 'checkout-draft' ];

	/** @var Connection */
	private $connection;

	/** @var Settings */
	private $settings;

	/** @var Outbox */
	private $outbox;

	/** @var array<string, true> What this request has added. */
	private $added = [];

	public function __construct( Connection $connection, Settings $settings, Outbox $outbox ) {
		$this->connection = $connection;
		$this->settings   = $settings;
		$this->outbox     = $outbox;
	}

	public function register(): void {
		$is_wanted = $this->settings->is_on( 'retry_deliveries' ) || $this->settings->is_on( Deliveries::WITHOUT_WEBHOOKS );
		if ( ! $this->connection->is_store() || ! $is_wanted ) {
			return;
		}
		foreach ( self::HOOKS as $hook => $topic ) {
			$this->watch( $hook, $topic );
		}
		foreach ( array_keys( self::POST_HOOKS ) as $hook ) {
			add_action( $hook, [ $this, 'add_post' ] );
		}
		add_action( 'woocommerce_refund_deleted', [ $this, 'add_refunded' ], 10, 2 );
		add_action( 'shutdown', [ $this, 'fill' ], 0 );
	}

	/**
	 * Notes a change of a post that is an order or a product.
	 *
	 * @param int|string $id The post.
	 */
	public function add_post( $id ): void {
		$resource = self::POST_TYPES[ get_post_type( (int) $id ) ] ?? null;
		$event    = self::POST_HOOKS[ current_action() ] ?? null;
		if ( null !== $resource && null !== $event ) {
			$event = 'product' === $resource && 'restored' === $event ? 'updated' : $event;
			$this->add( "{$resource}.{$event}", (int) $id );
		}
	}

	/**
	 * Notes that a refund was deleted, which no webhook reports.
	 *
	 * @param int|string $refund_id The refund.
	 * @param int|string $order_id  Its order.
	 */
	public function add_refunded( $refund_id, $order_id ): void {
		$this->add( 'order.updated', (int) $order_id );
	}

	/**
	 * Stores the changes of this request, each subject once.
	 */
	public function fill(): void {
		foreach ( array_keys( $this->added ) as $entry ) {
			list( $topic, $id ) = explode( ' ', $entry );
			$this->outbox->add( $topic, $id );
		}
		if ( $this->added ) {
			do_action( 'token_bridge_outbox_filled' );
			$this->added = [];
		}
	}

	private function watch( string $hook, string $topic ): void {
		add_action(
			$hook,
			function ( $id ) use ( $topic ): void {
				$this->add( $topic, (int) $id );
			}
		);
	}

	private function add( string $topic, int $id ): void {
		if ( $id > 0 && ( 0 !== strpos( $topic, 'order.' ) || $this->is_real_order( $id ) ) ) {
			$this->added[ "{$topic} {$id}" ] = true;
		}
	}

	/**
	 * Returns whether an ID is that of an order, and not that of a refund or a draft.
	 */
	private function is_real_order( int $id ): bool {
		$order = wc_get_order( $id );
		return $order && 'shop_order' === $order->get_type() && ! in_array( $order->get_status(), self::DRAFTS, true );
	}
}
