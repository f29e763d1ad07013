<?php
/**
 * Opens the console.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Account;

use TokenBridge\Admin\Menu;
use TokenBridge\Admin\Notices;
use TokenBridge\Admin\PostHandler;
use TokenBridge\Services;

defined( 'ABSPATH' ) || exit;

/**
 * Sends a person who works in the shop to the credits page of the console, signed in.
 */
final class OpenCredits extends PostHandler {

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function action(): string {
		return 'credits';
	}

	protected function capability(): string {
		return CreditsScreen::CAPABILITY;
	}

	protected function handle(): string {
		$here = Menu::url( CreditsScreen::SLUG );
		$url  = ( new PassLink( $this->services->transport() ) )->credits( wp_get_current_user(), $here );
		if ( ! is_wp_error( $url ) ) {
			return $url;
		}
		Notices::add( 'error', $url->get_error_message() );
		return $here;
	}
}
