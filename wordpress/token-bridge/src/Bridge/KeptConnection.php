<?php
/**
 * One network connection for all requests of a page.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Bridge;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.WP.AlternativeFunctions -- WordPress sends the requests; it has no function to share their connection.

/**
 * Lets the requests to the bridge share their connection while PHP handles one page, so that a hold and its capture
 * need one TLS handshake. Without cURL each request opens its own.
 */
final class KeptConnection {

	/** Marks the arguments of requests that share the connection. */
	public const ARGUMENT = 'token_bridge_kept';

	/** @var resource|\CurlShareHandle|null */
	private static $share;

	/**
	 * Returns arguments of `wp_remote_request()` with which the request uses the shared connection.
	 *
	 * @param array<string, mixed> $arguments The arguments.
	 * @return array<string, mixed>
	 */
	public static function with( array $arguments ): array {
		if ( ! self::can_share() ) {
			return $arguments;
		}
		add_action( 'http_api_curl', [ self::class, 'share' ], 10, 2 );
		$arguments['headers']['Connection'] = 'keep-alive';
		return [ self::ARGUMENT => true ] + $arguments;
	}

	/**
	 * Gives a request the shared connection.
	 *
	 * @param resource|\CurlHandle $handle    The request in cURL.
	 * @param array<string, mixed> $arguments Its arguments.
	 */
	public static function share( $handle, $arguments ): void {
		if ( ! empty( $arguments[ self::ARGUMENT ] ) ) {
			curl_setopt( $handle, CURLOPT_SHARE, self::handle() );
		}
	}

	private static function can_share(): bool {
		return function_exists( 'curl_share_init' ) && defined( 'CURL_LOCK_DATA_CONNECT' );
	}

	/**
	 * @return resource|\CurlShareHandle
	 */
	private static function handle() {
		if ( null === self::$share ) {
			self::$share = curl_share_init();
			foreach ( [ CURL_LOCK_DATA_CONNECT, CURL_LOCK_DATA_DNS, CURL_LOCK_DATA_SSL_SESSION ] as $what ) {
				curl_share_setopt( self::$share, CURLSHOPT_SHARE, $what );
			}
		}
		return self::$share;
	}
}
