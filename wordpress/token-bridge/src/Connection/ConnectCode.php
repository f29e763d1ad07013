<?php
/**
 * A connect code.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Connection;

defined( 'ABSPATH' ) || exit;

/**
 * The one-time code of the console's page "Connect a WordPress site". It contains the bridge's address.
 */
final class ConnectCode {

	/** The longest text that is read. */
	private const MAX_LENGTH = 1000;

	/** @var string */
	private $url;

	/** @var string */
	private $secret;

	private function __construct( string $url, string $secret ) {
		$this->url    = $url;
		$this->secret = $secret;
	}

	/**
	 * Reads a pasted code; returns null if it is none.
	 */
	public static function find( string $pasted ): ?self {
		$text = (string) preg_replace( '/\s+/', '', $pasted );
		if ( strlen( $text ) > self::MAX_LENGTH || ! preg_match( '~^(https?://[^#?\s]+?)/?(?:/v1/connect)?[#?](?:code=)?([A-Za-z0-9_-]{8,})$~', $text, $parts ) ) {
			return null;
		}
		// An admin pastes the code, so any host and port is allowed, also one of the own network.
		$address = wp_parse_url( $parts[1] );
		return empty( $address['host'] ) || isset( $address['user'] ) ? null : new self( $parts[1], $parts[2] );
	}

	/**
	 * Returns the bridge's address without a slash at its end.
	 */
	public function url(): string {
		return $this->url;
	}

	/**
	 * Returns the secret part, which the bridge accepts once.
	 */
	public function secret(): string {
		return $this->secret;
	}

	/**
	 * Returns whether an address leads to this machine, as in a local trial.
	 */
	public static function is_loopback( string $url ): bool {
		$host = strtolower( trim( (string) wp_parse_url( $url, PHP_URL_HOST ), '[]' ) );
		return 'localhost' === $host || '::1' === $host || 0 === strpos( $host, '127.' );
	}
}
