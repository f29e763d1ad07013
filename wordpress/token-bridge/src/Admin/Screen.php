<?php
/**
 * A page of the admin.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Admin;

defined( 'ABSPATH' ) || exit;

interface Screen {

	/**
	 * Returns the page's name in addresses.
	 */
	public function slug(): string;

	public function title(): string;

	/**
	 * Returns the capability that the person needs.
	 */
	public function capability(): string;

	/**
	 * Prints the page.
	 */
	public function render(): void;
}
