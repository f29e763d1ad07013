<?php
/**
 * A fragment of the bridge's widget.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

defined( 'ABSPATH' ) || exit;

final class Fragment {

	/** @var string HTML as the bridge made it; empty if there is none. */
	public $html;

	/** @var int When it was made, in seconds. */
	public $at;

	/** @var string */
	public $etag;

	/** @var bool Whether the bridge is away, so that the numbers may be old. */
	public $is_old;

	public function __construct( string $html, int $at, string $etag = '', bool $is_old = false ) {
		$this->html   = $html;
		$this->at     = $at;
		$this->etag   = $etag;
		$this->is_old = $is_old;
	}

	/**
	 * Returns the same fragment, marked as old.
	 */
	public function aged(): self {
		return new self( $this->html, $this->at, $this->etag, true );
	}
}
