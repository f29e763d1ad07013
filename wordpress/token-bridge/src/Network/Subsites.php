<?php
/**
 * The sites of a network.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Network;

defined( 'ABSPATH' ) || exit;

/**
 * Runs code in the context of sites of the network; without a network there is only this site.
 */
final class Subsites {

	/** Sites that are read at a time. */
	private const PAGE = 100;

	/**
	 * Runs a function on a site, and returns what it returns.
	 *
	 * @return mixed
	 */
	public static function at( int $id, callable $act ) {
		if ( get_current_blog_id() === $id ) {
			return $act();
		}
		switch_to_blog( $id );
		try {
			return $act();
		} finally {
			restore_current_blog();
		}
	}

	/**
	 * Runs a function on the main site, which is the shop of the network.
	 *
	 * @return mixed
	 */
	public static function at_main( callable $act ) {
		return self::at( get_main_site_id(), $act );
	}

	/**
	 * Runs a function on each site of all networks.
	 */
	public static function each( callable $act ): void {
		if ( ! is_multisite() ) {
			$act();
			return;
		}
		$from = 0;
		do {
			$ids = array_map( 'intval', self::find( $from, [ 'network_id' => '' ] ) );
			foreach ( $ids as $id ) {
				self::at( $id, $act );
			}
			$from += self::PAGE;
		} while ( self::PAGE === count( $ids ) );
	}

	/**
	 * Returns the IDs of the next sites, oldest first.
	 *
	 * @param array<string, mixed> $which Arguments of `get_sites()` that choose sites.
	 * @return int[]
	 */
	private static function find( int $from, array $which ): array {
		$query = [
			'fields'  => 'ids',
			'number'  => self::PAGE,
			'offset'  => $from,
			'orderby' => 'id',
		];
		return get_sites( $which + $query );
	}
}
