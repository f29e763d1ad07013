<?php
/**
 * The settings of the network.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Network;

defined( 'ABSPATH' ) || exit;

/**
 * Settings that only an admin of the network changes. They are read on their own pages and in background tasks only.
 */
final class NetworkOption {

	public const NAME = 'token_bridge_network';

	/** Each setting with its default; the default's type is the setting's type. */
	private const DEFAULTS = [
		'payer'       => 0,
		'joins_new'   => false,
		'new_cap'     => '',
		'may_connect' => true,
	];

	/**
	 * Returns the user whose account pays for the subsites that take part; 0 if none is chosen.
	 */
	public function payer(): int {
		return (int) $this->all()['payer'];
	}

	/**
	 * Returns whether new subsites take part.
	 */
	public function joins_new(): bool {
		return (bool) $this->all()['joins_new'];
	}

	/**
	 * Returns the monthly cap of new subsites in tokens; null for none.
	 */
	public function new_cap(): ?int {
		return Cap::read( (string) $this->all()['new_cap'] );
	}

	/**
	 * Returns whether admins of subsites may connect their site by themselves.
	 */
	public function may_connect(): bool {
		return (bool) $this->all()['may_connect'];
	}

	/**
	 * Stores the settings.
	 *
	 * @param array{payer: int, joins_new: bool, new_cap: string, may_connect: bool} $values All settings.
	 */
	public function save( array $values ): void {
		update_site_option( self::NAME, $values );
	}

	/**
	 * Forgets the settings.
	 */
	public static function delete(): void {
		delete_site_option( self::NAME );
	}

	/**
	 * @return array<string, mixed>
	 */
	private function all(): array {
		$stored = get_site_option( self::NAME, [] );
		return ( is_array( $stored ) ? array_intersect_key( $stored, self::DEFAULTS ) : [] ) + self::DEFAULTS;
	}
}
