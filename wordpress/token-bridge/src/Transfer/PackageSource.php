<?php
/**
 * The packages to send.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Transfer;

use TokenBridge\Products\PackageList;

defined( 'ABSPATH' ) || exit;

final class PackageSource implements Source {

	/** Products in a page; each may have many variations. */
	private const PRODUCTS = 50;

	/** The most packages that the bridge accepts at once. */
	private const LIMIT = 500;

	/** @var PackageList */
	private $packages;

	public function __construct( PackageList $packages ) {
		$this->packages = $packages;
	}

	public function kind(): string {
		return 'packages';
	}

	public function path(): string {
		return '/v1/packages/bulk';
	}

	public function count(): int {
		return class_exists( 'WooCommerce' ) ? $this->packages->count() : 0;
	}

	public function page( int $after_id ): Page {
		$ids   = class_exists( 'WooCommerce' ) ? $this->packages->next( $after_id, self::PRODUCTS ) : [];
		$items = [];
		foreach ( $ids as $position => $id ) {
			$documents = $this->packages->documents( $id );
			if ( $items && count( $items ) + count( $documents ) > self::LIMIT ) {
				return new Page( $items, $ids[ $position - 1 ], false );
			}
			$items = array_merge( $items, array_slice( $documents, 0, self::LIMIT ) );
		}
		return new Page( $items, $ids ? end( $ids ) : $after_id, count( $ids ) < self::PRODUCTS );
	}
}
