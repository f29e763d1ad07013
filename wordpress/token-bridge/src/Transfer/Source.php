<?php
/**
 * What the first transfer sends.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Transfer;

defined( 'ABSPATH' ) || exit;

interface Source {

	/**
	 * Returns the name of the list in the request's body.
	 */
	public function kind(): string;

	public function path(): string;

	public function count(): int;

	/**
	 * Returns the page after an ID.
	 */
	public function page( int $after_id ): Page;
}
