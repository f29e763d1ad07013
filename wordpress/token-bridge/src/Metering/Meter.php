<?php
/**
 * Charges tokens.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Metering;

use TokenBridge\Bridge\Answer;
use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;
use TokenBridge\Connection\Connection;
use TokenBridge\Outbox\CallDelivery;
use TokenBridge\Outbox\Outbox;

defined( 'ABSPATH' ) || exit;

/**
 * Quotes, spends, holds, captures, releases and refunds, with an idempotency key for each call.
 *
 * If no answer comes, the call is repeated once with its key. A capture, release or refund that is still without an
 * answer is repeated in the background.
 */
final class Meter {

	private const SECONDS = 5;

	/** Names of options that are sent along. */
	private const SENT_OPTIONS = [ 'source', 'reference', 'ttl_seconds' ];

	/** @var Connection */
	private $connection;

	/** @var Transport */
	private $transport;

	/** @var Outbox */
	private $outbox;

	public function __construct( Connection $connection, Transport $transport, Outbox $outbox ) {
		$this->connection = $connection;
		$this->transport  = $transport;
		$this->outbox     = $outbox;
	}

	/**
	 * @param array<int, array<string, mixed>> $items   What to price.
	 * @param array<string, mixed>             $options Options of the call.
	 */
	public function quote( array $items, array $options ): Quote {
		$payer = $this->payer( $options );
		if ( null === $payer ) {
			return new Quote( $this->unnamed() );
		}
		return new Quote( $this->transport->send( Request::post( '/v1/quotes', $payer->body() + [ 'items' => $items ] ) ) );
	}

	/**
	 * @param array<string, mixed> $what    What to charge.
	 * @param array<string, mixed> $options Options of the call.
	 */
	public function spend( array $what, array $options ): Spend {
		list( $answer, $key ) = $this->charge( '/v1/spends', $what, $options );
		return new Spend( $answer, $key );
	}

	/**
	 * @param array<string, mixed> $what    What to hold.
	 * @param array<string, mixed> $options Options of the call.
	 */
	public function hold( array $what, array $options ): Hold {
		list( $answer, $key ) = $this->charge( '/v1/holds', $what, $options );
		return new Hold( $answer, $key );
	}

	/**
	 * @param array<string, mixed> $cost    `tokens` or `quantity`.
	 * @param array<string, mixed> $options Options of the call.
	 */
	public function capture( string $hold_id, array $cost, array $options ): Spend {
		list( $answer, $key ) = $this->settle( '/v1/holds/' . rawurlencode( $hold_id ) . '/capture', $cost, $options );
		return new Spend( $answer, $key );
	}

	/**
	 * @param array<string, mixed> $options Options of the call.
	 */
	public function release( string $hold_id, array $options ): Outcome {
		list( $answer, $key ) = $this->settle( '/v1/holds/' . rawurlencode( $hold_id ) . '/release', [], $options );
		return new Outcome( $answer, $key );
	}

	/**
	 * @param array<string, mixed> $body    `reason`, and `tokens` for a part.
	 * @param array<string, mixed> $options Options of the call.
	 */
	public function refund( string $spend_id, array $body, array $options ): Outcome {
		list( $answer, $key ) = $this->settle( '/v1/spends/' . rawurlencode( $spend_id ) . '/refund', $body, $options );
		return new Outcome( $answer, $key );
	}

	/**
	 * @param array<string, mixed> $what    What to charge.
	 * @param array<string, mixed> $options Options of the call.
	 * @return array{0: Answer, 1: string}
	 */
	private function charge( string $path, array $what, array $options ): array {
		$key   = $this->key( $options );
		$payer = $this->payer( $options );
		if ( null === $payer ) {
			return [ $this->unnamed(), $key ];
		}
		$body   = $payer->body() + $what + array_intersect_key( $options, array_flip( self::SENT_OPTIONS ) );
		$answer = $this->post( $path, $body, $key );
		$this->announce( $answer, $payer->user_id() );
		return [ $answer, $key ];
	}

	/**
	 * @param array<string, mixed> $body    The request's body.
	 * @param array<string, mixed> $options Options of the call.
	 * @return array{0: Answer, 1: string}
	 */
	private function settle( string $path, array $body, array $options ): array {
		$key    = $this->key( $options );
		$answer = $this->post( $path, $body, $key );
		if ( $answer->is_away() ) {
			$this->outbox->add(
				CallDelivery::TOPIC,
				$key,
				[
					'path' => $path,
					'body' => $body,
				]
			);
			do_action( 'token_bridge_outbox_filled' );
		}
		$this->announce( $answer, (int) ( $options['user_id'] ?? get_current_user_id() ) );
		return [ $answer, $key ];
	}

	/**
	 * @param array<string, mixed> $body The request's body.
	 */
	private function post( string $path, array $body, string $key ): Answer {
		$request = Request::post( $path, $body )->within( self::SECONDS )->with_header( 'Idempotency-Key', $key );
		$answer  = $this->transport->send( $request );
		if ( $answer->status() < 500 && Answer::UNREACHABLE !== $answer->code() ) {
			return $answer;
		}
		$request->obeys_pause = false;
		return $this->transport->send( $request );
	}

	/**
	 * @param array<string, mixed> $options Options of the call.
	 */
	private function key( array $options ): string {
		return (string) ( $options['key'] ?? wp_generate_uuid4() );
	}

	/**
	 * @param array<string, mixed> $options Options of the call.
	 */
	private function payer( array $options ): ?Payer {
		$user_id = isset( $options['user_id'] ) ? (int) $options['user_id'] : null;
		return Payer::find( $this->connection, (int) apply_filters( 'token_bridge_payer', $user_id, $options ) ?: $user_id );
	}

	private function unnamed(): Answer {
		return Answer::none( $this->connection->is_connected() ? 'unknown_payer' : Answer::NOT_CONNECTED );
	}

	private function announce( Answer $answer, int $user_id ): void {
		if ( $answer->is_ok() && $user_id > 0 ) {
			do_action( 'token_bridge_balance_changed', $user_id );
		}
	}
}
