<?php
/**
 * Saves the page Settings.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Admin;

use TokenBridge\Connection\Deliveries;
use TokenBridge\Connection\Sentences;
use TokenBridge\Settings;

defined( 'ABSPATH' ) || exit;

final class SettingsAction extends PostHandler {

	/** @var Settings */
	private $settings;

	/** @var Deliveries */
	private $deliveries;

	public function __construct( Settings $settings, Deliveries $deliveries ) {
		$this->settings   = $settings;
		$this->deliveries = $deliveries;
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
		$before = $this->settings->is_on( Deliveries::WITHOUT_WEBHOOKS );
		$this->settings->change( $changes );
		if ( $this->settings->is_on( Deliveries::WITHOUT_WEBHOOKS ) === $before || $this->apply_deliveries( $before ) ) {
			Notices::add( 'success', __( 'The settings were saved.', 'token-bridge' ) );
		}
		return Menu::url( SettingsScreen::SLUG );
	}

	/**
	 * Applies the way of delivery; takes the setting back and says why if the bridge does not agree.
	 */
	private function apply_deliveries( bool $before ): bool {
		$answer = $this->deliveries->apply();
		if ( null === $answer || $answer->is_ok() ) {
			return true;
		}
		$this->settings->change( [ Deliveries::WITHOUT_WEBHOOKS => $before ] );
		/* translators: %s: reason */
		Notices::add( 'error', sprintf( __( 'The way of delivery was not changed. %s', 'token-bridge' ), Sentences::about( $answer ) ) );
		return false;
	}
}
