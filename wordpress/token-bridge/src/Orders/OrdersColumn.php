<?php
/**
 * The column in the list of orders.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Orders;

use TokenBridge\Feature;
use TokenBridge\Products\Packages;
use WC_Order;

defined( 'ABSPATH' ) || exit;

/**
 * Adds a column "Tokens" and a filter to WooCommerce's orders, in own tables (HPOS) and in posts.
 */
final class OrdersColumn implements Feature {

	private const COLUMN = 'token_bridge_tokens';
	private const FILTER = 'token_bridge_orders';

	public function register(): void {
		foreach ( [ 'manage_woocommerce_page_wc-orders_columns', 'manage_edit-shop_order_columns' ] as $hook ) {
			add_filter( $hook, [ $this, 'add' ], 20 );
		}
		foreach ( [ 'manage_woocommerce_page_wc-orders_custom_column', 'manage_shop_order_posts_custom_column' ] as $hook ) {
			add_action( $hook, [ $this, 'show' ], 10, 2 );
		}
		add_action( 'woocommerce_order_list_table_restrict_manage_orders', [ $this, 'show_filter' ] );
		add_action( 'restrict_manage_posts', [ $this, 'show_filter' ] );
		add_filter( 'woocommerce_order_list_table_prepare_items_query_args', [ $this, 'apply_filter' ] );
		add_filter( 'request', [ $this, 'apply_filter_to_posts' ] );
	}

	/**
	 * @param array<string, string> $columns Titles by name.
	 * @return array<string, string>
	 */
	public function add( $columns ) {
		return $columns + [ self::COLUMN => __( 'Tokens', 'token-bridge' ) ];
	}

	/**
	 * Prints the cell of an order.
	 *
	 * @param string              $column The column.
	 * @param WC_Order|int|string $order  The order, or its ID.
	 */
	public function show( $column, $order ): void {
		if ( self::COLUMN !== $column ) {
			return;
		}
		$order = $order instanceof WC_Order ? $order : wc_get_order( $order );
		echo esc_html( $order ? $this->cell( $order ) : '' );
	}

	/**
	 * Prints the filter above the list.
	 *
	 * @param string $type The kind of the list.
	 */
	public function show_filter( $type ): void {
		if ( 'shop_order' !== $type ) {
			return;
		}
		echo '<select name="' . esc_attr( self::FILTER ) . '" aria-label="' . esc_attr__( 'Filter by tokens', 'token-bridge' ) . '">';
		echo '<option value="">' . esc_html__( 'With and without tokens', 'token-bridge' ) . '</option>';
		echo '<option value="granted" ' . selected( $this->is_filtered(), true, false ) . '>' . esc_html__( 'Tokens granted', 'token-bridge' ) . '</option></select>';
	}

	/**
	 * @param array<string, mixed> $arguments Arguments of the query.
	 * @return array<string, mixed>
	 */
	public function apply_filter( $arguments ) {
		if ( $this->is_filtered() ) {
			$arguments['meta_query']   = (array) ( $arguments['meta_query'] ?? [] ); // phpcs:ignore WordPress.DB.SlowDBQuery -- one page of the admin, on demand.
			$arguments['meta_query'][] = [
				'key'     => GrantNotes::GRANTED,
				'value'   => 0,
				'compare' => '>',
				'type'    => 'SIGNED',
			];
		}
		return $arguments;
	}

	/**
	 * @param array<string, mixed> $arguments Arguments of the main query.
	 * @return array<string, mixed>
	 */
	public function apply_filter_to_posts( $arguments ) {
		$is_orders = is_admin() && 'shop_order' === ( $arguments['post_type'] ?? '' );
		return $is_orders ? $this->apply_filter( $arguments ) : $arguments;
	}

	private function is_filtered(): bool {
		return 'granted' === sanitize_key( $_GET[ self::FILTER ] ?? '' ); // phpcs:ignore WordPress.Security.NonceVerification -- only filters a list.
	}

	/**
	 * Returns the granted tokens; before any was reported, those of the lines.
	 */
	private function cell( WC_Order $order ): string {
		$granted = $order->get_meta( GrantNotes::GRANTED );
		if ( '' !== (string) $granted ) {
			return number_format_i18n( (int) $granted );
		}
		$tokens = 0;
		foreach ( $order->get_items() as $item ) {
			$tokens += (int) $item->get_meta( LineStamp::KEY ) * (int) $item->get_quantity();
		}
		if ( $tokens <= 0 ) {
			return $this->plans( $order );
		}
		/* translators: %s: number of tokens */
		return sprintf( __( '%s ordered', 'token-bridge' ), number_format_i18n( $tokens ) );
	}

	/**
	 * Returns the plans of an order, such as "500 a month".
	 */
	private function plans( WC_Order $order ): string {
		$plans = [];
		foreach ( $order->get_items() as $item ) {
			$tokens = (int) $item->get_meta( Packages::PER_MONTH );
			if ( $tokens > 0 ) {
				/* translators: %s: number of tokens */
				$plans[] = sprintf( __( '%s a month', 'token-bridge' ), number_format_i18n( $tokens ) );
			}
		}
		return implode( ', ', $plans );
	}
}
