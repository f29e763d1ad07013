<?php
/**
 * The bridge's response to a request.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Bridge;

defined( 'ABSPATH' ) || exit;

/**
 * A response, or the reason why none came (status 0).
 */
final class Answer {

	public const NOT_CONNECTED = 'not_connected';
	public const UNREACHABLE   = 'bridge_unreachable';
	public const COPIED        = 'site_copied';
	public const PAUSED        = 'bridge_paused';

	/** @var int */
	private $status;

	/** @var string */
	private $text;

	/** @var array<string, string> */
	private $headers;

	/** @var string */
	private $failure;

	/** @var array<string, mixed>|null */
	private $document;

	/**
	 * @param array<string, string> $headers Response headers, names in lower case.
	 */
	public function __construct( int $status, string $text, array $headers = [], string $failure = '' ) {
		$this->status  = $status;
		$this->text    = $text;
		$this->headers = $headers;
		$this->failure = $failure;
	}

	/**
	 * Returns an answer for a request that got no response.
	 *
	 * @param string $failure One of the constants of this class.
	 * @param string $why     A technical reason, for the settings screen.
	 */
	public static function none( string $failure, string $why = '' ): self {
		return new self( 0, $why, [], $failure );
	}

	/**
	 * Returns the HTTP status; 0 if there was no response.
	 */
	public function status(): int {
		return $this->status;
	}

	/**
	 * Returns the body, or the technical reason if there was no response.
	 */
	public function text(): string {
		return $this->text;
	}

	/**
	 * Returns a response header; an empty string without it.
	 */
	public function header( string $name ): string {
		return $this->headers[ strtolower( $name ) ] ?? '';
	}

	/**
	 * Returns the JSON document; an empty array if the body is not an object.
	 *
	 * @return array<string, mixed>
	 */
	public function document(): array {
		if ( null === $this->document ) {
			$parsed         = json_decode( $this->text, true );
			$this->document = is_array( $parsed ) ? $parsed : [];
		}
		return $this->document;
	}

	/**
	 * Returns a text of the document; an empty string if it has none under this name.
	 */
	public function field( string $name ): string {
		$value = $this->document()[ $name ] ?? '';
		return is_scalar( $value ) ? (string) $value : '';
	}

	public function is_ok(): bool {
		return $this->status >= 200 && $this->status < 300;
	}

	/**
	 * Returns whether the bridge cannot be used now, so that a later attempt may succeed.
	 */
	public function is_away(): bool {
		if ( 0 === $this->status ) {
			return in_array( $this->failure, [ self::UNREACHABLE, self::PAUSED ], true );
		}
		return $this->status >= 500 || 429 === $this->status;
	}

	/**
	 * Returns the stable code of an error; an empty string for a success.
	 */
	public function code(): string {
		if ( '' !== $this->failure ) {
			return $this->failure;
		}
		if ( $this->is_ok() ) {
			return '';
		}
		return '' !== $this->field( 'code' ) ? $this->field( 'code' ) : 'http_' . $this->status;
	}
}
