<?php
/**
 * A row of the outbox.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Outbox;

defined( 'ABSPATH' ) || exit;

final class Row {

	/** @var int */
	public $id;

	/** @var string */
	public $topic;

	/** @var string */
	public $subject;

	/** @var array<string, mixed> */
	public $payload;

	/** @var int */
	public $version;

	/** @var int */
	public $attempts;

	/** @var int */
	public $created_at;

	/**
	 * @param array<string, string|null> $values The columns.
	 */
	public static function read( array $values ): self {
		$row             = new self();
		$row->id         = (int) $values['id'];
		$row->topic      = (string) $values['topic'];
		$row->subject    = (string) $values['subject'];
		$row->payload    = (array) json_decode( (string) $values['payload'], true );
		$row->version    = (int) $values['version'];
		$row->attempts   = (int) $values['attempts'];
		$row->created_at = (int) $values['created_at'];
		return $row;
	}
}
