<?php
/**
 * The sender that retries.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Outbox;

use TokenBridge\Background\Queues;
use TokenBridge\Background\Watchdog;
use TokenBridge\Connection\Lock;
use TokenBridge\Feature;

defined( 'ABSPATH' ) || exit;

/**
 * Sends what waits in the outbox, in the background, until each row was accepted.
 *
 * While the bridge is away, one attempt a minute is made for all rows together; after its return all are sent at once.
 */
final class Sender implements Feature {

	public const ACTION = 'token_bridge_send';

	private const LOCK          = 'token_bridge_sending';
	private const ROWS          = 50;
	private const RUN_SECONDS   = 20;
	private const PAUSE_SECONDS = 60;

	/** @var Outbox */
	private $outbox;

	/** @var Delivery[] */
	private $deliveries;

	/** @var bool */
	private $is_needed = false;

	public function __construct( Outbox $outbox, Delivery ...$deliveries ) {
		$this->outbox     = $outbox;
		$this->deliveries = $deliveries;
	}

	public function register(): void {
		add_action( self::ACTION, [ $this, 'run' ] );
		add_action( 'token_bridge_outbox_filled', [ $this, 'need' ] );
		add_action( 'shutdown', [ $this, 'schedule' ] );
	}

	/**
	 * Makes the end of this request schedule a run.
	 */
	public function need(): void {
		$this->is_needed = true;
	}

	/**
	 * Schedules a run, once for all changes of this request.
	 */
	public function schedule(): void {
		if ( $this->is_needed && ! Queues::best()->has( self::ACTION, [ 0 ] ) ) {
			Queues::best()->add( self::ACTION, [ 0 ] );
		}
	}

	/**
	 * Sends rows for some seconds, and schedules the next run if any are left.
	 */
	public function run(): void {
		$lock = new Lock( self::LOCK );
		if ( ! $lock->take() ) {
			return;
		}
		try {
			$this->watch();
			$is_away = $this->send_due();
		} finally {
			$lock->free();
		}
		$next = $this->outbox->next_in();
		if ( null !== $next ) {
			// An argument that differs each time, because WP-Cron takes no second event with equal arguments.
			Queues::best()->add( self::ACTION, [ time() ], $is_away ? self::PAUSE_SECONDS : $next );
		}
	}

	/**
	 * Schedules a run for the case that this one is killed, if there is anything to send.
	 */
	private function watch(): void {
		if ( null !== $this->outbox->next_in() ) {
			Watchdog::watch( self::ACTION );
		}
	}

	/**
	 * Returns whether the bridge is away.
	 */
	private function send_due(): bool {
		$until = microtime( true ) + self::RUN_SECONDS;
		do {
			$rows = $this->outbox->due( self::ROWS );
			foreach ( $rows as $row ) {
				if ( ! $this->send( $row ) ) {
					return true;
				}
			}
		} while ( $rows && microtime( true ) < $until );
		return false;
	}

	/**
	 * Sends a row; returns false if the bridge is away, so that the others need not be tried.
	 */
	private function send( Row $row ): bool {
		$delivery = $this->delivery_of( $row );
		$answer   = $delivery ? $delivery->send( $row ) : null;
		if ( null === $answer || $answer->is_ok() ) {
			$this->outbox->remove( $row );
			return true;
		}
		if ( $answer->is_away() ) {
			return false;
		}
		if ( in_array( $answer->status(), $delivery->final_statuses(), true ) ) {
			do_action( 'token_bridge_delivery_refused', $row->topic, $row->subject, $answer->code() );
			$this->outbox->remove( $row );
		} else {
			$this->outbox->postpone( $row );
		}
		return true;
	}

	private function delivery_of( Row $row ): ?Delivery {
		foreach ( $this->deliveries as $delivery ) {
			if ( $delivery->accepts( $row->topic ) ) {
				return $delivery;
			}
		}
		return null;
	}
}
