<?php
/**
 * A visitor who is not signed in.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Metering;

defined( 'ABSPATH' ) || exit;

/**
 * Names a visitor by a random ID in a signed cookie of this site.
 */
final class Guest {

	public const COOKIE = 'token_bridge_guest';

	private const ID = '/^[0-9a-f]{32}$/';

	/** @var string The ID of this request; empty before it was needed. */
	private static $id = '';

	/**
	 * Returns the ID in the cookie; empty if there is none or its signature is wrong.
	 */
	public static function known(): string {
		if ( '' !== self::$id ) {
			return self::$id;
		}
		$cookie = isset( $_COOKIE[ self::COOKIE ] ) ? sanitize_text_field( wp_unslash( $_COOKIE[ self::COOKIE ] ) ) : '';
		$parts  = explode( '.', $cookie );
		if ( 2 !== count( $parts ) || ! preg_match( self::ID, $parts[0] ) || ! hash_equals( self::sign( $parts[0] ), $parts[1] ) ) {
			return '';
		}
		self::$id = $parts[0];
		return self::$id;
	}

	/**
	 * Returns the ID of this visitor, and creates one where there is none.
	 *
	 * Empty if the headers were sent already: without a cookie, each page would count as another visitor.
	 */
	public static function id(): string {
		if ( '' !== self::known() || headers_sent() ) {
			return self::known();
		}
		self::$id = bin2hex( random_bytes( 16 ) );
		setcookie( self::COOKIE, self::$id . '.' . self::sign( self::$id ), self::cookie_options( time() + YEAR_IN_SECONDS ) );
		return self::$id;
	}

	/**
	 * Ends the cookie: from now on, this browser has no ID.
	 */
	public static function forget(): void {
		self::$id = '';
		unset( $_COOKIE[ self::COOKIE ] );
		setcookie( self::COOKIE, '', self::cookie_options( time() - YEAR_IN_SECONDS ) );
	}

	/**
	 * @return array<string, mixed>
	 */
	private static function cookie_options( int $expires ): array {
		return [
			'expires'  => $expires,
			'path'     => COOKIEPATH ? COOKIEPATH : '/',
			'domain'   => (string) COOKIE_DOMAIN,
			'secure'   => is_ssl(),
			'httponly' => true,
			'samesite' => 'Lax',
		];
	}

	private static function sign( string $id ): string {
		return substr( hash_hmac( 'sha256', $id, wp_salt( 'nonce' ) . self::COOKIE ), 0, 32 );
	}
}
