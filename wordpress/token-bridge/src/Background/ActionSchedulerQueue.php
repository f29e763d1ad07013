<?php
/**
 * Background work by Action Scheduler, which WooCommerce brings along.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Background;

defined( 'ABSPATH' ) || exit;

final class ActionSchedulerQueue implements Queue {

	public const GROUP = 'token-bridge';

	public function add( string $action, array $arguments = [], int $delay_seconds = 0 ): void {
		as_schedule_single_action( time() + $delay_seconds, $action, $arguments, self::GROUP );
	}

	public function has( string $action, array $arguments = [] ): bool {
		return false !== as_next_scheduled_action( $action, $arguments, self::GROUP );
	}

	public function clear( string $action ): void {
		as_unschedule_all_actions( $action, [], self::GROUP );
	}
}
