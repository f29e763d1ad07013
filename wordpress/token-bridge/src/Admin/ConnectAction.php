<?php
/**
 * An action of the page Connect.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Admin;

use WP_Error;

defined( 'ABSPATH' ) || exit;

/**
 * Runs one function and returns to the page with a message.
 */
final class ConnectAction extends PostHandler {

	/** @var string */
	private $name;

	/** @var callable(array<string, string>): (string|WP_Error) */
	private $act;

	/** @var string[] */
	private $fields;

	/**
	 * @param string   $name   Name of the action.
	 * @param callable $act    Gets the form's texts by name; returns a sentence for people, or a `WP_Error`.
	 * @param string[] $fields Names of the form's texts.
	 */
	public function __construct( string $name, callable $act, array $fields = [] ) {
		$this->name   = $name;
		$this->act    = $act;
		$this->fields = $fields;
	}

	public function action(): string {
		return $this->name;
	}

	protected function capability(): string {
		return 'manage_options';
	}

	protected function handle(): string {
		$values = array_combine( $this->fields, array_map( [ $this, 'posted' ], $this->fields ) );
		$result = ( $this->act )( $values );
		if ( is_wp_error( $result ) ) {
			Notices::add( 'error', $result->get_error_message() );
		} else {
			Notices::add( 'success', $result );
		}
		return Menu::url( ConnectScreen::SLUG );
	}
}
