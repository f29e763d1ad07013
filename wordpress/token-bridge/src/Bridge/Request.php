<?php
/**
 * A request to the bridge.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Bridge;

defined( 'ABSPATH' ) || exit;

/**
 * Method, path, body and headers; the address and the access key are the transport's.
 */
final class Request {

	/** Seconds that a page of the site waits for the bridge. */
	public const PAGE_SECONDS = 2;

	/** Seconds that a background task or a person at a settings screen waits. */
	public const PATIENT_SECONDS = 20;

	/** @var string */
	public $method;

	/** @var string */
	public $path;

	/** @var array<string, mixed>|null */
	public $body;

	/** @var array<string, string> */
	public $headers = [];

	/** @var int */
	public $seconds = self::PAGE_SECONDS;

	/** @var bool Whether the request is not sent while calls are paused. */
	public $obeys_pause = true;

	/**
	 * @param array<string, mixed>|null $body The JSON body; null for none.
	 */
	private function __construct( string $method, string $path, ?array $body ) {
		$this->method = $method;
		$this->path   = $path;
		$this->body   = $body;
	}

	/**
	 * Returns a request that reads.
	 *
	 * @param array<string, string|int> $query Query parameters, not encoded.
	 */
	public static function get( string $path, array $query = [] ): self {
		return new self( 'GET', $path . ( $query ? '?' . http_build_query( $query, '', '&', PHP_QUERY_RFC3986 ) : '' ), null );
	}

	/**
	 * Returns a request that creates or does something.
	 *
	 * @param array<string, mixed> $body The JSON body.
	 */
	public static function post( string $path, array $body ): self {
		return new self( 'POST', $path, $body );
	}

	/**
	 * Returns a request that sets a value.
	 *
	 * @param array<string, mixed> $body The JSON body.
	 */
	public static function put( string $path, array $body ): self {
		return new self( 'PUT', $path, $body );
	}

	/**
	 * Returns a request that changes some values.
	 *
	 * @param array<string, mixed> $body The JSON body.
	 */
	public static function patch( string $path, array $body ): self {
		return new self( 'PATCH', $path, $body );
	}

	/**
	 * Returns a request that deletes something.
	 */
	public static function delete( string $path ): self {
		return new self( 'DELETE', $path, null );
	}

	/**
	 * Sets a header and returns this request.
	 */
	public function with_header( string $name, string $value ): self {
		$this->headers[ $name ] = $value;
		return $this;
	}

	/**
	 * Waits this long for the answer, and returns this request.
	 */
	public function within( int $seconds ): self {
		$this->seconds = $seconds;
		return $this;
	}

	/**
	 * Waits as long as a background task may, also while calls are paused, and returns this request.
	 */
	public function patient(): self {
		$this->obeys_pause = false;
		return $this->within( self::PATIENT_SECONDS );
	}
}
