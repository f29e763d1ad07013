<?php
/**
 * The connection of this site to a bridge.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Connection;

defined( 'ABSPATH' ) || exit;

/**
 * What the site received when it was connected. Immutable.
 */
final class Connection {

	/** The key acts for every user of the site. */
	public const STORE = 'store';

	/** The key acts for one account, which this site draws on. */
	public const SITE = 'site';

	/** @var array<string, mixed> */
	private $values;

	/**
	 * @param array<string, mixed> $values As stored by `ConnectionOption`.
	 */
	public function __construct( array $values ) {
		$this->values = $values;
	}

	public function is_connected(): bool {
		return '' !== $this->url() && '' !== $this->access_key();
	}

	/**
	 * Returns whether the key acts for every user of this site.
	 */
	public function is_store(): bool {
		return $this->is_connected() && self::STORE === $this->text( 'kind' );
	}

	/**
	 * Returns whether the site draws on one account.
	 */
	public function is_linked_site(): bool {
		return $this->is_connected() && self::SITE === $this->text( 'kind' );
	}

	/**
	 * Returns whether an admin of the network linked this site; then only they can end that.
	 */
	public function is_of_network(): bool {
		return $this->is_linked_site() && $this->payer() > 0;
	}

	/**
	 * Returns the user of the main site whose account pays, as chosen by an admin of the network; 0 elsewhere.
	 */
	public function payer(): int {
		return (int) $this->text( 'payer' );
	}

	/**
	 * Returns the bridge's ID of a linked site; empty for a store.
	 */
	public function site_id(): string {
		return $this->text( 'site_id' );
	}

	/**
	 * Returns a name of the account that a linked site draws on: one for all people of the site.
	 */
	public function site_account(): string {
		return 'account_' . $this->site_id();
	}

	/**
	 * Returns the bridge's address without a slash at its end.
	 */
	public function url(): string {
		return $this->text( 'url' );
	}

	public function access_key(): string {
		return $this->text( 'access_key' );
	}

	/**
	 * Returns the store's name in the bridge's addresses.
	 */
	public function store(): string {
		return $this->text( 'store' );
	}

	public function webhook_url(): string {
		return $this->text( 'webhook_url' );
	}

	public function webhook_secret(): string {
		return $this->text( 'webhook_secret' );
	}

	/**
	 * Returns the topics of WooCommerce's webhooks that the bridge wants.
	 *
	 * @return string[]
	 */
	public function topics(): array {
		return array_values( array_filter( (array) ( $this->values['topics'] ?? [] ), 'is_string' ) );
	}

	/**
	 * Returns the names of the webhooks, by which the bridge recognizes them, by topic.
	 *
	 * @return array<string, string>
	 */
	public function webhook_names(): array {
		return array_column( array_filter( (array) ( $this->values['webhooks'] ?? [] ), 'is_array' ), 'name', 'topic' );
	}

	/**
	 * Returns the address that this site had when it was connected.
	 */
	public function home(): string {
		return $this->text( 'home' );
	}

	/**
	 * Returns whether this site has another address than the one that was connected: it moved, or is a copy.
	 */
	public function is_copy(): bool {
		return $this->is_connected() && self::comparable( $this->home() ) !== self::comparable( (string) get_option( 'home' ) );
	}

	/**
	 * Returns the ID of the event endpoint and the secret that signs its events.
	 *
	 * @return array{id: string, secret: string}
	 */
	public function event_endpoint(): array {
		return [
			'id'     => $this->text( 'event_endpoint' ),
			'secret' => $this->text( 'event_secret' ),
		];
	}

	/**
	 * Returns the ID of the REST key that was created in WooCommerce for the bridge; 0 without one.
	 */
	public function rest_key_id(): int {
		return (int) $this->text( 'rest_key_id' );
	}

	/**
	 * Returns a connection with some values changed.
	 *
	 * @param array<string, mixed> $changes New values by name.
	 */
	public function with( array $changes ): self {
		return new self( $changes + $this->values );
	}

	/**
	 * Returns the values to store.
	 *
	 * @return array<string, mixed>
	 */
	public function values(): array {
		return $this->values;
	}

	private static function comparable( string $url ): string {
		return strtolower( untrailingslashit( (string) preg_replace( '~^https?://(www\.)?~i', '', $url ) ) );
	}

	private function text( string $name ): string {
		$value = $this->values[ $name ] ?? '';
		return is_scalar( $value ) ? (string) $value : '';
	}
}
