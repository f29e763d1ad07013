<?php
/**
 * Pauses calls to a bridge that does not answer.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Bridge;

defined( 'ABSPATH' ) || exit;

/**
 * After one call without a usable response, answers at once for a minute, so that pages of the site stay fast.
 *
 * Patient requests (background tasks, settings screens) are always sent, and a success ends the pause.
 */
final class CircuitBreaker implements Transport {

	public const PAUSE_SECONDS = 60;
	public const TRANSIENT     = 'token_bridge_paused';

	/** @var Transport */
	private $transport;

	public function __construct( Transport $transport ) {
		$this->transport = $transport;
	}

	public function send( Request $request ): Answer {
		$is_paused = (bool) get_transient( self::TRANSIENT );
		if ( $is_paused && $request->obeys_pause ) {
			return Answer::none( Answer::PAUSED );
		}
		$answer = $this->transport->send( $request );
		$this->note( $answer, $is_paused );
		return $answer;
	}

	private function note( Answer $answer, bool $is_paused ): void {
		if ( $this->is_down( $answer ) ) {
			set_transient( self::TRANSIENT, 1, self::PAUSE_SECONDS );
		} elseif ( $is_paused ) {
			delete_transient( self::TRANSIENT );
		}
	}

	private function is_down( Answer $answer ): bool {
		return 0 === $answer->status() || in_array( $answer->status(), [ 502, 503, 504 ], true );
	}
}
