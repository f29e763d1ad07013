<?php
/**
 * A site of the network.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Network;

use TokenBridge\Connection\Connection;
use TokenBridge\Connection\ConnectionOption;

defined( 'ABSPATH' ) || exit;

/**
 * A site with its connection, as the page of the network shows it.
 */
final class Subsite {

	/** @var int */
	public $id;

	/** @var string */
	public $name;

	/** @var string */
	public $url;

	/** @var Connection */
	public $connection;

	/** @var bool Whether the site has another address than when it was linked. */
	public $has_moved;

	/**
	 * Reads a site.
	 */
	public static function read( int $id ): self {
		return Subsites::at(
			$id,
			static function () use ( $id ): self {
				$site             = new self();
				$site->id         = $id;
				$site->name       = wp_specialchars_decode( get_bloginfo( 'name' ), ENT_QUOTES );
				$site->url        = (string) get_option( 'home' );
				$site->connection = ( new ConnectionOption() )->load();
				$site->has_moved  = $site->connection->is_copy();
				return $site;
			}
		);
	}

	public function is_main(): bool {
		return get_main_site_id() === $this->id;
	}

	/**
	 * Returns whether the network linked this site to the account that pays.
	 */
	public function takes_part(): bool {
		return $this->connection->is_of_network();
	}

	/**
	 * Returns whether the network may link or unlink this site: it is not the shop, and has no connection of its own.
	 */
	public function can_take_part(): bool {
		return ! $this->is_main() && ( $this->takes_part() || ! $this->connection->is_connected() );
	}
}
