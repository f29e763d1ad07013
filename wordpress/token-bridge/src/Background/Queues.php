<?php
/**
 * Chooses the queue.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Background;

defined( 'ABSPATH' ) || exit;

final class Queues {

	/**
	 * Returns Action Scheduler where it runs, else WP-Cron. Call it after the action `init`.
	 */
	public static function best(): Queue {
		return self::has_action_scheduler() ? new ActionSchedulerQueue() : new CronQueue();
	}

	private static function has_action_scheduler(): bool {
		return function_exists( 'as_schedule_single_action' )
			&& class_exists( 'ActionScheduler' )
			&& \ActionScheduler::is_initialized();
	}
}
