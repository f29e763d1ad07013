<?php
/**
 * Signatures of events.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Verifies the signature of Standard Webhooks.
 */
final class Signature {

	/** Seconds by which the time of a signature may differ from this server's clock. */
	private const SECONDS = 300;

	/**
	 * Returns whether an event was signed with this secret, a moment ago.
	 */
	public static function is_valid( string $secret, string $id, string $timestamp, string $signatures, string $body ): bool {
		$key = base64_decode( (string) preg_replace( '/^whsec_/', '', $secret ), true );
		if ( '' === $secret || ! $key || ! ctype_digit( $timestamp ) || abs( time() - (int) $timestamp ) > self::SECONDS ) {
			return false;
		}
		$expected = 'v1,' . base64_encode( hash_hmac( 'sha256', "{$id}.{$timestamp}.{$body}", $key, true ) );
		foreach ( explode( ' ', $signatures ) as $signature ) {
			if ( hash_equals( $expected, $signature ) ) {
				return true;
			}
		}
		return false;
	}
}
