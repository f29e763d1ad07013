<?php
/**
 * One line of the checklist.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Connection;

defined( 'ABSPATH' ) || exit;

final class CheckResult {

	public const OK      = 'ok';
	public const WAITING = 'waiting';
	public const WARNING = 'warning';
	public const FAILED  = 'failed';

	/** @var string */
	public $state;

	/** @var string A stable name of the check. */
	public $name;

	/** @var string */
	public $sentence;

	public function __construct( string $name, string $state, string $sentence ) {
		$this->name     = $name;
		$this->state    = $state;
		$this->sentence = $sentence;
	}
}
