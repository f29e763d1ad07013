<?php
/**
 * Grants on the order.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Orders;

use TokenBridge\Feature;
use WC_Order;

defined( 'ABSPATH' ) || exit;

/**
 * Notes on an order that tokens were granted or reversed, and how many it has granted in all.
 */
final class GrantNotes implements Feature {

	public const GRANTED = '_token_bridge_granted';
	public const SEEN    = '_token_bridge_events';

	/** Events whose IDs an order remembers. */
	private const MAX_SEEN = 50;

	public function register(): void {
		add_action( 'token_bridge_event', [ $this, 'note' ], 10, 3 );
	}

	/**
	 * @param string               $type Type of an event.
	 * @param array<string, mixed> $data Its data.
	 * @param string               $id   Its ID.
	 */
	public function note( $type, $data, $id ): void {
		if ( ! in_array( $type, [ 'grant.created', 'grant.reversed' ], true ) || ! function_exists( 'wc_get_order' ) ) {
			return;
		}
		$order = wc_get_order( (int) ( $data['order'] ?? 0 ) );
		if ( $order instanceof WC_Order && $this->is_new( $order, $id ) ) {
			$this->write( $order, (int) ( $data['tokens'] ?? 0 ) );
		}
	}

	private function is_new( WC_Order $order, string $id ): bool {
		$seen = (array) $order->get_meta( self::SEEN );
		if ( in_array( $id, $seen, true ) ) {
			return false;
		}
		$order->update_meta_data( self::SEEN, array_slice( array_filter( array_merge( $seen, [ $id ] ) ), -self::MAX_SEEN ) );
		return true;
	}

	private function write( WC_Order $order, int $tokens ): void {
		$order->update_meta_data( self::GRANTED, (string) ( (int) $order->get_meta( self::GRANTED ) + $tokens ) );
		$order->save();
		$sentence = $tokens >= 0
			/* translators: %s: number of tokens */
			? __( 'Token Bridge: %s tokens were granted.', 'token-bridge' )
			/* translators: %s: number of tokens */
			: __( 'Token Bridge: %s tokens were reversed.', 'token-bridge' );
		$order->add_order_note( sprintf( $sentence, number_format_i18n( abs( $tokens ) ) ) );
	}
}
