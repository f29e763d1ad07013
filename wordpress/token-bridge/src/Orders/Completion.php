<?php
/**
 * Completes paid token orders.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Orders;

use TokenBridge\Feature;
use TokenBridge\Products\Packages;
use TokenBridge\Settings;
use WC_Product;

defined( 'ABSPATH' ) || exit;

/**
 * Lets WooCommerce complete a paid order whose lines are all virtual token packages, as it does for downloads.
 */
final class Completion implements Feature {

	/** @var Settings */
	private $settings;

	/** @var Packages */
	private $packages;

	public function __construct( Settings $settings, Packages $packages ) {
		$this->settings = $settings;
		$this->packages = $packages;
	}

	public function register(): void {
		add_filter( 'woocommerce_order_item_needs_processing', [ $this, 'needs_processing' ], 10, 2 );
	}

	/**
	 * @param bool  $needs   Whether the line needs processing, as WooCommerce decided.
	 * @param mixed $product The product of the line.
	 */
	public function needs_processing( $needs, $product ): bool {
		if ( ! $needs || ! $product instanceof WC_Product || ! $this->settings->is_on( 'complete_token_orders' ) ) {
			return (bool) $needs;
		}
		return ! $product->is_virtual() || null === $this->packages->find( $product );
	}
}
