<?php
/**
 * Saves the product panel.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Products;

use TokenBridge\Feature;
use WC_Product;

defined( 'ABSPATH' ) || exit;

/**
 * Takes the fields from WooCommerce's forms for products and variations, after checking nonce and capability itself.
 */
final class ProductSaver implements Feature {

	/** @var Packages */
	private $packages;

	public function __construct( Packages $packages ) {
		$this->packages = $packages;
	}

	public function register(): void {
		add_action( 'woocommerce_admin_process_product_object', [ $this, 'save_product' ] );
		add_action( 'woocommerce_admin_process_variation_object', [ $this, 'save_variation' ], 10, 2 );
	}

	public function save_product( WC_Product $product ): void {
		$posted = $this->posted( $product );
		if ( null === $posted ) {
			return;
		}
		$form = new PackageForm( $product );
		$form->mark( ! empty( $posted[ Packages::FLAG ] ) );
		$form->fill( $this->texts( $posted, null ) );
		$form->check_amount( $this->packages );
		$this->report( $form );
	}

	/**
	 * @param int $position Position of the variation in the form.
	 */
	public function save_variation( WC_Product $variation, $position ): void {
		$posted = $this->posted( $variation );
		if ( null === $posted ) {
			return;
		}
		$form = new PackageForm( $variation );
		$form->fill( $this->texts( $posted, (int) $position ) );
		$this->report( $form );
	}

	/**
	 * Returns the sent form; null if the person may not send it.
	 *
	 * @return array<string, mixed>|null
	 */
	private function posted( WC_Product $product ): ?array {
		$is_meant = wp_verify_nonce( sanitize_key( $_POST['woocommerce_meta_nonce'] ?? '' ), 'woocommerce_save_data' )
			|| wp_verify_nonce( sanitize_key( $_POST['security'] ?? '' ), 'save-variations' );
		$id       = $product->get_parent_id() ?: $product->get_id();
		return $is_meant && current_user_can( 'edit_product', $id ) ? wp_unslash( $_POST ) : null;
	}

	/**
	 * Returns the typed amounts by meta key.
	 *
	 * @param array<string, mixed> $posted   The form.
	 * @param int|null             $position Position of a variation; null for the product.
	 * @return array<string, string>
	 */
	private function texts( array $posted, ?int $position ): array {
		$found = [];
		foreach ( PackageForm::AMOUNTS as $key ) {
			$value = $posted[ $key ] ?? null;
			$value = null === $position ? $value : ( is_array( $value ) ? $value[ $position ] ?? null : null );
			if ( is_string( $value ) ) {
				$found[ $key ] = sanitize_text_field( $value );
			}
		}
		return $found;
	}

	private function report( PackageForm $form ): void {
		foreach ( $form->faults() as $fault ) {
			\WC_Admin_Meta_Boxes::add_error( $fault );
		}
	}
}
