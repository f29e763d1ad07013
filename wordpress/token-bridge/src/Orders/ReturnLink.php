<?php
/**
 * The way back after buying.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Orders;

use TokenBridge\Feature;
use WC_Order;

defined( 'ABSPATH' ) || exit;

/**
 * Stores where a buyer came from in WooCommerce's session and on the order, and links there from the thank-you page.
 */
final class ReturnLink implements Feature {

	public const META = '_token_bridge_return';

	private const IN_SESSION = 'token_bridge_return';

	/** Before WooCommerce adds the product to the cart, which may redirect. */
	private const BEFORE_CART = 15;

	/** Before what other plugins add to the page. */
	private const FIRST = 5;

	public function register(): void {
		add_action( 'wp_loaded', [ $this, 'remember' ], self::BEFORE_CART );
		add_action( 'woocommerce_checkout_create_order', [ $this, 'save' ] );
		add_action( 'woocommerce_store_api_checkout_update_order_from_request', [ $this, 'save' ] );
		add_action( 'woocommerce_thankyou', [ $this, 'render' ], self::FIRST );
	}

	/**
	 * Stores the address of a buyer who arrives with one. An address on another host is ignored.
	 */
	public function remember(): void {
		// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- only an address of this site is stored.
		$url     = isset( $_GET[ ReturnAddress::PARAMETER ] ) ? ReturnAddress::read( wp_unslash( $_GET[ ReturnAddress::PARAMETER ] ) ) : '';
		$session = self::session();
		if ( '' === $url || null === $session ) {
			return;
		}
		if ( ! $session->has_session() ) {
			$session->set_customer_session_cookie( true );
		}
		$session->set( self::IN_SESSION, $url );
	}

	/**
	 * Writes the address on an order before it is saved, in the classic and the block checkout.
	 *
	 * @param WC_Order $order The order.
	 */
	public function save( $order ): void {
		$session = self::session();
		$url     = null === $session ? '' : ReturnAddress::read( $session->get( self::IN_SESSION ) );
		if ( '' !== $url && $order instanceof WC_Order ) {
			$order->update_meta_data( self::META, $url );
		}
	}

	/**
	 * Prints the link, in the classic page and in the block for additional information.
	 *
	 * @param int|string $order_id ID of the order.
	 */
	public function render( $order_id ): void {
		$order = wc_get_order( (int) $order_id );
		$url   = $order instanceof WC_Order ? ReturnAddress::read( $order->get_meta( self::META ) ) : '';
		if ( '' === $url ) {
			return;
		}
		/* translators: %s: title of a page */
		$label = sprintf( __( 'Back to %s', 'token-bridge' ), ReturnAddress::title( $url ) );
		echo '<p class="token-bridge-return"><a class="button wp-element-button" href="' . esc_url( $url ) . '">' . esc_html( $label ) . '</a></p>';
		$session = self::session();
		if ( null !== $session && $session->get( self::IN_SESSION ) === $url ) {
			// The next purchase may begin elsewhere.
			$session->set( self::IN_SESSION, null );
		}
	}

	/**
	 * Returns WooCommerce's session of a visitor; null where there is none, as in background tasks.
	 *
	 * @return \WC_Session_Handler|null
	 */
	private static function session() {
		$shop = function_exists( 'WC' ) ? WC() : null;
		return $shop && isset( $shop->session ) && is_object( $shop->session ) ? $shop->session : null;
	}
}
