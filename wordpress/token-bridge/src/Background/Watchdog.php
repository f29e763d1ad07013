<?php
/**
 * A second run for a background task that may be killed.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Background;

defined( 'ABSPATH' ) || exit;

use TokenBridge\Connection\Lock;

/**
 * A task that schedules its next run at its end never runs again if PHP is killed before. This schedules one at its begin.
 */
final class Watchdog {

	/** Longer than a lock lasts, which a killed task leaves behind. */
	private const SECONDS = Lock::SECONDS + 30;

	/**
	 * Schedules a run of an action for the time when the lock of this run has ended; one at most in each such time.
	 */
	public static function watch( string $action ): void {
		$queue = Queues::best();
		// The running action counts as scheduled in Action Scheduler, so each has an argument of its own time.
		$arguments = [ 'watch ' . intdiv( time(), self::SECONDS ) ];
		if ( ! $queue->has( $action, $arguments ) ) {
			$queue->add( $action, $arguments, self::SECONDS );
		}
	}
}
