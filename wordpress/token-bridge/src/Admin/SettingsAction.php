<?php
/**
 * Saves the page Settings.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Admin;

use TokenBridge\Settings;

defined( 'ABSPATH' ) || exit;

final class SettingsAction extends PostHandler {

	/** @var Settings */
	private $settings;

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	public function action(): string {
		return 'settings';
	}

	protected function capability(): string {
		return 'manage_options';
	}

	protected function handle(): string {
		$changes = [];
		foreach ( array_keys( SettingsScreen::switches() ) as $name ) {
			$changes[ $name ] = '1' === $this->posted( $name );
		}
		$this->settings->change( $changes );
		Notices::add( 'success', __( 'The settings were saved.', 'token-bridge' ) );
		return Menu::url( SettingsScreen::SLUG );
	}
}
