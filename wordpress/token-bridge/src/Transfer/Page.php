<?php
/**
 * One page of the first transfer.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Transfer;

defined( 'ABSPATH' ) || exit;

/**
 * Items to send and the ID after which the next page begins.
 */
final class Page {

	/** @var array<int, array<string, mixed>> */
	public $items;

	/** @var int */
	public $last_id;

	/** @var bool Whether there is nothing after this page. */
	public $is_last;

	/**
	 * @param array<int, array<string, mixed>> $items The items to send.
	 */
	public function __construct( array $items, int $last_id, bool $is_last ) {
		$this->items   = $items;
		$this->last_id = $last_id;
		$this->is_last = $is_last;
	}
}
