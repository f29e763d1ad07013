<?php
/**
 * The transport over HTTP.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Bridge;

defined( 'ABSPATH' ) || exit;

/**
 * Sends requests with WordPress's own HTTP functions, so that proxies and filters of the site apply.
 */
final class HttpTransport implements Transport {

	/** The largest response that is read. */
	private const MAX_BYTES = 4 * 1024 * 1024;

	/** @var string */
	private $url;

	/** @var string */
	private $access_key;

	/**
	 * @param string $url        The bridge's address, without a slash at its end.
	 * @param string $access_key The access key; empty for calls that need none.
	 */
	public function __construct( string $url, string $access_key = '' ) {
		$this->url        = $url;
		$this->access_key = $access_key;
	}

	public function send( Request $request ): Answer {
		$response = wp_remote_request( $this->url . $request->path, KeptConnection::with( $this->arguments( $request ) ) );
		if ( is_wp_error( $response ) ) {
			return Answer::none( Answer::UNREACHABLE, $response->get_error_message() );
		}
		return new Answer(
			(int) wp_remote_retrieve_response_code( $response ),
			(string) wp_remote_retrieve_body( $response ),
			$this->headers_of( $response )
		);
	}

	/**
	 * @return array<string, mixed>
	 */
	private function arguments( Request $request ): array {
		// An empty array would become a list.
		$body = null === $request->body ? null : wp_json_encode( $request->body ? $request->body : new \stdClass() );
		return [
			'method'              => $request->method,
			'timeout'             => $request->seconds,
			'redirection'         => 0,
			'limit_response_size' => self::MAX_BYTES,
			'user-agent'          => 'TokenBridge/' . TOKEN_BRIDGE_VERSION . ' (WordPress)',
			'headers'             => $this->headers( $request ),
			'body'                => $body,
		];
	}

	/**
	 * @return array<string, string>
	 */
	private function headers( Request $request ): array {
		$headers = [ 'Accept' => 'application/json, text/html' ];
		if ( null !== $request->body ) {
			$headers['Content-Type'] = 'application/json';
		}
		if ( '' !== $this->access_key ) {
			$headers['Authorization'] = 'Bearer ' . $this->access_key;
		}
		return $request->headers + $headers;
	}

	/**
	 * @param array<string, mixed> $response The response of `wp_remote_request()`.
	 * @return array<string, string>
	 */
	private function headers_of( array $response ): array {
		$headers = [];
		foreach ( wp_remote_retrieve_headers( $response ) as $name => $value ) {
			$headers[ strtolower( (string) $name ) ] = is_array( $value ) ? (string) end( $value ) : (string) $value;
		}
		return $headers;
	}
}
