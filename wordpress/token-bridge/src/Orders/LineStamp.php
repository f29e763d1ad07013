<?php
/**
 * Stamps the tokens on order lines.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Orders;

use TokenBridge\Feature;
use TokenBridge\Products\PackageForm;
use TokenBridge\Products\Packages;
use WC_Order_Item_Product;
use WC_Product;

defined( 'ABSPATH' ) || exit;

/**
 * Writes what a unit grants on each new order line of a package or plan, so that later edits of the product change no
 * order.
 *
 * Every way to create a line (classic and block checkout, the admin, REST) saves it as an object, where the hook runs.
 */
final class LineStamp implements Feature {

	public const KEY = Packages::TOKENS;

	/** @var Packages */
	private $packages;

	public function __construct( Packages $packages ) {
		$this->packages = $packages;
	}

	public function register(): void {
		add_action( 'woocommerce_before_order_item_object_save', [ $this, 'stamp' ] );
		add_filter( 'woocommerce_order_item_display_meta_key', [ $this, 'label' ], 10, 2 );
	}

	/**
	 * Stamps a new line; lines that exist, or have a stamp, stay as they are.
	 *
	 * @param mixed $item An order item of any kind.
	 */
	public function stamp( $item ): void {
		if ( ! $item instanceof WC_Order_Item_Product || $item->get_id() > 0 || $this->is_stamped( $item ) ) {
			return;
		}
		$product = $item->get_product();
		$package = $product instanceof WC_Product ? $this->packages->find( $product ) : null;
		if ( null === $package ) {
			return;
		}
		$item->add_meta_data( $package->is_plan() ? Packages::PER_MONTH : self::KEY, (string) $package->tokens, true );
		if ( $package->is_plan() ) {
			$item->add_meta_data( Packages::MONTHS, (string) $package->months, true );
		}
	}

	private function is_stamped( WC_Order_Item_Product $item ): bool {
		return $item->meta_exists( self::KEY ) || $item->meta_exists( Packages::PER_MONTH );
	}

	/**
	 * Names the stamp where WooCommerce lists the data of a line.
	 *
	 * @param string $label The label so far.
	 * @param object $meta  The entry.
	 */
	public function label( $label, $meta ): string {
		$labels = [ self::KEY => __( 'Tokens per unit', 'token-bridge' ) ] + PackageForm::labels();
		return $labels[ $meta->key ?? '' ] ?? (string) $label;
	}
}
