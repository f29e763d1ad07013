<?php
/**
 * Lists the packages of the shop.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Products;

use WC_Product;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery -- WordPress has no functions for a page of IDs without the posts.

/**
 * The packages of all products in pages, in the order of the products' IDs.
 */
final class PackageList {

	/** The bridge's longest name of a product. */
	private const MAX_NAME = 200;

	/** The bridge's longest name of a plan. */
	private const MAX_PLAN = 100;

	/** @var Packages */
	private $packages;

	public function __construct( Packages $packages ) {
		$this->packages = $packages;
	}

	/**
	 * Returns how many products are marked as packages.
	 */
	public function count(): int {
		global $wpdb;
		return (int) $wpdb->get_var(
			$wpdb->prepare(
				"SELECT COUNT(DISTINCT p.ID) FROM {$wpdb->posts} p
				JOIN {$wpdb->postmeta} m ON m.post_id = p.ID AND m.meta_key IN (%s, %s) AND m.meta_value IN ('yes', '1', 'true', 'on')
				WHERE p.post_type = 'product' AND p.post_status NOT IN ('trash', 'auto-draft')",
				Packages::FLAG,
				Packages::THEIR_FLAG
			)
		);
	}

	/**
	 * Returns the IDs of the next marked products.
	 *
	 * @return int[]
	 */
	public function next( int $after_id, int $limit ): array {
		global $wpdb;
		$ids = $wpdb->get_col(
			$wpdb->prepare(
				"SELECT DISTINCT p.ID FROM {$wpdb->posts} p
				JOIN {$wpdb->postmeta} m ON m.post_id = p.ID AND m.meta_key IN (%s, %s) AND m.meta_value IN ('yes', '1', 'true', 'on')
				WHERE p.post_type = 'product' AND p.post_status NOT IN ('trash', 'auto-draft') AND p.ID > %d ORDER BY p.ID LIMIT %d",
				Packages::FLAG,
				Packages::THEIR_FLAG,
				$after_id,
				$limit
			)
		);
		return array_map( 'intval', $ids );
	}

	/**
	 * Returns the packages of a product and its variations, as the bridge reads them.
	 *
	 * @return array<int, array<string, int|string>>
	 */
	public function documents( int $product_id ): array {
		$product = wc_get_product( $product_id );
		if ( ! $product ) {
			return [];
		}
		$found = [ $this->document( $product, $product_id, 0 ) ];
		foreach ( $product->is_type( 'variable' ) ? $product->get_children() : [] as $id ) {
			$variation = wc_get_product( $id );
			$found[]   = $variation ? $this->document( $variation, $product_id, (int) $id ) : null;
		}
		return array_values( array_filter( $found ) );
	}

	/**
	 * @return array<string, int|string>|null
	 */
	private function document( WC_Product $product, int $product_id, int $variation_id ): ?array {
		$package = $this->packages->find( $product );
		if ( null === $package ) {
			return null;
		}
		$place = [
			'product' => $product_id,
			'name'    => mb_substr( $product->get_name(), 0, self::MAX_NAME ),
			'source'  => 'shop',
		] + ( $variation_id ? [ 'variation' => $variation_id ] : [] );
		if ( ! $package->is_plan() ) {
			return $place + [ 'tokens' => $package->tokens ];
		}
		return $place + [
			'plan'   => mb_substr( $product->get_name(), 0, self::MAX_PLAN ),
			'tokens' => $package->tokens,
			'months' => $package->months,
		];
	}
}
