<?php
/**
 * Work to do after the current request.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Background;

defined( 'ABSPATH' ) || exit;

interface Queue {

	/**
	 * Runs an action once, after this many seconds.
	 *
	 * @param array<int, mixed> $arguments Arguments of the action, small and serializable.
	 */
	public function add( string $action, array $arguments = [], int $delay_seconds = 0 ): void;

	/**
	 * Returns whether the action waits with these arguments.
	 *
	 * @param array<int, mixed> $arguments Arguments of the action.
	 */
	public function has( string $action, array $arguments = [] ): bool;

	/**
	 * Removes all waiting runs of an action.
	 */
	public function clear( string $action ): void;
}
