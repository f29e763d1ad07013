<?php
/**
 * A prompt that runs.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

defined( 'ABSPATH' ) || exit;

/**
 * A hold and the objects by which its prompt is recognized. IDs of objects are reused, so the objects are kept.
 */
final class OpenPrompt {

	/** @var string */
	public $hold_id;

	/** @var int */
	public $held;

	/** @var int */
	public $user_id;

	/** @var object */
	public $model;

	/** @var object[] */
	public $messages;

	/** @var object|null */
	public $sdk_builder;

	/** @var object|null */
	public $wordpress_builder;

	/**
	 * Returns whether an event is the end of this prompt.
	 */
	public function matches( object $event ): bool {
		return $event->getModel() === $this->model && $event->getMessages() === $this->messages;
	}
}
