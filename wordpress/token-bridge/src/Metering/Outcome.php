<?php
/**
 * The result of a call that concerns tokens.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Metering;

use TokenBridge\Bridge\Answer;
use WP_Error;

defined( 'ABSPATH' ) || exit;

/**
 * Done, refused, failed, or unknown because no answer came.
 *
 * `is_refused()`: nothing was charged; `message()` is for the user, and `purchase_url()` may help.
 * `is_unknown()`: repeat the call with `key()` to learn what happened; it counts once.
 */
class Outcome {

	/** @var Answer */
	protected $answer;

	/** @var string */
	private $key;

	final public function __construct( Answer $answer, string $key = '' ) {
		$this->answer = $answer;
		$this->key    = $key;
	}

	public function is_ok(): bool {
		return $this->answer->is_ok();
	}

	/**
	 * Returns whether the user cannot pay (402) or may not use the module (403).
	 */
	public function is_refused(): bool {
		return in_array( $this->answer->status(), [ 402, 403 ], true );
	}

	/**
	 * Returns whether no answer came, so that the call may have been carried out.
	 */
	public function is_unknown(): bool {
		return $this->answer->is_away() && Answer::PAUSED !== $this->answer->code();
	}

	/**
	 * Returns the idempotency key of the call.
	 */
	public function key(): string {
		return $this->key;
	}

	/**
	 * Returns the ID of the record; empty without one.
	 */
	public function id(): string {
		return $this->answer->field( 'id' );
	}

	/**
	 * Returns the tokens that were charged, held, refunded or quoted; 0 without success.
	 */
	public function tokens(): int {
		return $this->is_ok() ? (int) $this->answer->field( 'tokens' ) : 0;
	}

	/**
	 * Returns the stable code of a refusal or failure; empty for a success.
	 */
	public function code(): string {
		return $this->answer->code();
	}

	/**
	 * Returns a sentence for the user; empty for a success.
	 */
	public function message(): string {
		if ( $this->is_ok() ) {
			return '';
		}
		if ( $this->is_refused() ) {
			return '' !== $this->answer->field( 'message' ) ? $this->answer->field( 'message' ) : $this->answer->field( 'detail' );
		}
		return __( 'Tokens cannot be used at the moment. Try again in a minute.', 'token-bridge' );
	}

	/**
	 * Returns where the user can buy tokens; empty where buying does not help.
	 */
	public function purchase_url(): string {
		return $this->answer->field( 'purchase_url' );
	}

	/**
	 * Returns when the same call could succeed (RFC 3339); empty if no reset will help.
	 */
	public function resets_at(): string {
		return $this->answer->field( 'resets_at' );
	}

	/**
	 * Returns how many tokens are missing.
	 */
	public function shortfall(): int {
		return (int) $this->answer->field( 'shortfall' );
	}

	/**
	 * Returns the tokens that the user can still spend from the balance; null if the answer does not say.
	 */
	public function available(): ?int {
		$balance = $this->answer->document()['balance'] ?? null;
		return isset( $balance['available'] ) ? (int) $balance['available'] : null;
	}

	/**
	 * Returns the whole answer of the bridge.
	 *
	 * @return array<string, mixed>
	 */
	public function document(): array {
		return $this->answer->document();
	}

	/**
	 * Returns this as an error for WordPress, with the status 402, 403 or 503.
	 */
	public function to_error(): WP_Error {
		$status = $this->is_refused() ? $this->answer->status() : 503;
		return new WP_Error(
			'token_bridge_' . $this->code(),
			$this->message(),
			[
				'status'       => $status,
				'purchase_url' => $this->purchase_url(),
			]
		);
	}
}
