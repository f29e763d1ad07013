<?php
/**
 * Finds what products grant.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Products;

use WC_Product;

defined( 'ABSPATH' ) || exit;

/**
 * Reads packages and plans from products, and from the AI Power plugin's fields where ours are empty.
 */
final class Packages {

	public const FLAG         = '_is_token_package';
	public const TOKENS       = '_tokens_granted';
	public const PER_MONTH    = '_tokens_per_month';
	public const MONTHS       = '_plan_months';
	public const THEIR_FLAG   = '_aipkit_is_token_package';
	public const THEIR_TOKENS = '_aipkit_tokens_amount';

	/** Most months of a plan. */
	public const MAX_MONTHS = 120;

	/**
	 * Returns what one unit of a product or variation grants; null if it is no package.
	 */
	public function find( WC_Product $product ): ?Package {
		$parent = $product->is_type( 'variation' ) ? wc_get_product( $product->get_parent_id() ) : null;
		return $this->own( $product, $parent ?: $product )
			?? ( $parent ? $this->own( $parent, $parent ) : null )
			?? $this->theirs( $parent ?: $product );
	}

	/**
	 * Returns whether a product, or the product of a variation, is marked as a package.
	 */
	public function is_marked( WC_Product $product ): bool {
		return 'yes' === self::yes_or_no( $product->get_meta( self::FLAG ) );
	}

	/**
	 * Returns whether the AI Power plugin marks a product as a package.
	 */
	public function is_marked_by_ai_power( WC_Product $product ): bool {
		return 'yes' === self::yes_or_no( $product->get_meta( self::THEIR_FLAG ) );
	}

	private function own( WC_Product $product, WC_Product $marked ): ?Package {
		if ( ! $this->is_marked( $marked ) ) {
			return null;
		}
		if ( '' !== trim( (string) $product->get_meta( self::MONTHS ) . (string) $product->get_meta( self::PER_MONTH ) ) ) {
			return $this->plan( $product );
		}
		$tokens = TokenAmount::read( $product->get_meta( self::TOKENS ) );
		return null === $tokens ? null : new Package( $tokens );
	}

	/**
	 * Returns the plan of a product; null if a part of it is missing or not clear, as the bridge reads it.
	 */
	private function plan( WC_Product $product ): ?Package {
		$months    = TokenAmount::read( $product->get_meta( self::MONTHS ) );
		$per_month = TokenAmount::read( $product->get_meta( self::PER_MONTH ) );
		return null === $months || null === $per_month || $months > self::MAX_MONTHS ? null : new Package( $per_month, $months );
	}

	private function theirs( WC_Product $product ): ?Package {
		if ( ! $this->is_marked_by_ai_power( $product ) ) {
			return null;
		}
		$tokens = TokenAmount::read( $product->get_meta( self::THEIR_TOKENS ) );
		return null === $tokens ? null : new Package( $tokens );
	}

	/**
	 * @param mixed $value A flag in a product's meta.
	 */
	private static function yes_or_no( $value ): string {
		return is_scalar( $value ) && in_array( strtolower( (string) $value ), [ 'yes', '1', 'true', 'on' ], true ) ? 'yes' : 'no';
	}
}
