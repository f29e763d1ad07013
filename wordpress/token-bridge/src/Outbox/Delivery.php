<?php
/**
 * A way to send a row.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Outbox;

use TokenBridge\Bridge\Answer;

defined( 'ABSPATH' ) || exit;

interface Delivery {

	/**
	 * Returns whether it sends rows with this topic.
	 */
	public function accepts( string $topic ): bool;

	/**
	 * Returns the statuses that a later attempt cannot change.
	 *
	 * @return int[]
	 */
	public function final_statuses(): array;

	/**
	 * Sends a row; returns null if there is nothing left to send.
	 */
	public function send( Row $row ): ?Answer;
}
