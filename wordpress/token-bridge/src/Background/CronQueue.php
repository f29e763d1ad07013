<?php
/**
 * Background work by WP-Cron, where Action Scheduler is absent.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Background;

defined( 'ABSPATH' ) || exit;

final class CronQueue implements Queue {

	public function add( string $action, array $arguments = [], int $delay_seconds = 0 ): void {
		wp_schedule_single_event( time() + $delay_seconds, $action, $arguments );
	}

	public function has( string $action, array $arguments = [] ): bool {
		return false !== wp_next_scheduled( $action, $arguments );
	}

	public function clear( string $action ): void {
		wp_unschedule_hook( $action );
	}
}
