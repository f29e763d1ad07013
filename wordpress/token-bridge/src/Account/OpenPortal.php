<?php
/**
 * Opens the user's account.
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
 * Sends a user to their own account at the bridge: history, purchases with receipts, linked sites, deletion.
 */
final class OpenPortal extends PostHandler {

	public const ACTION = 'portal';

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function action(): string {
		return self::ACTION;
	}

	protected function capability(): string {
		return 'read';
	}

	protected function handle(): string {
		$back = wp_get_referer();
		$back = $back ? $back : home_url( '/' );
		$url  = ( new PassLink( $this->services->transport() ) )->portal( wp_get_current_user(), $back );
		if ( ! is_wp_error( $url ) ) {
			return $url;
		}
		Notices::add( 'error', $url->get_error_message() );
		return current_user_can( 'edit_posts' ) ? Menu::url( AccountScreen::SLUG ) : $back;
	}
}
