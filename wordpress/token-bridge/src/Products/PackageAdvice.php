<?php
/**
 * Advice about a package.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Products;

use TokenBridge\Settings;
use WC_Product;

defined( 'ABSPATH' ) || exit;

/**
 * Finds settings of product and shop by which buyers would wait for their tokens.
 */
final class PackageAdvice {

	/** @var Packages */
	private $packages;

	/** @var Settings */
	private $settings;

	public function __construct( Packages $packages, Settings $settings ) {
		$this->packages = $packages;
		$this->settings = $settings;
	}

	/**
	 * Returns a sentence for each thing to look at.
	 *
	 * @return string[]
	 */
	public function about( WC_Product $product ): array {
		if ( null === $this->packages->find( $product ) && ! $this->packages->is_marked( $product ) ) {
			return [];
		}
		return array_values( array_filter( [ $this->ai_power( $product ), $this->processing( $product ), $this->guests() ] ) );
	}

	private function ai_power( WC_Product $product ): string {
		if ( $this->packages->is_marked( $product ) || ! $this->packages->is_marked_by_ai_power( $product ) ) {
			return '';
		}
		return __( 'The AI Power plugin marks this product as a package, and its amount counts here as well. To change that, tick "This is a token package" and enter an amount, or remove the mark there.', 'token-bridge' );
	}

	private function processing( WC_Product $product ): string {
		if ( $this->settings->is_on( 'complete_token_orders' ) || ( $product->is_virtual() && $product->is_downloadable() ) ) {
			return '';
		}
		return __( 'Paid orders of this product stop at Processing, and tokens are granted at Completed. To complete paid orders that contain only token packages by themselves, switch that on under Token Bridge → Settings.', 'token-bridge' );
	}

	/**
	 * Returns the advice about guest checkout; empty where guests cannot buy.
	 */
	public function guests(): string {
		if ( 'yes' !== get_option( 'woocommerce_enable_guest_checkout' ) ) {
			return '';
		}
		return __( 'Guests can buy this. Their tokens wait until an account with the same email exists. To avoid that, switch guest checkout off under WooCommerce → Settings → Accounts & Privacy.', 'token-bridge' );
	}
}
